"""moto's S3 on loopback, on the port given, with the manners given.

one-by-one  answers one request after another: moto looks and writes in two steps, and on several
            threads two publishers could both find an object missing. S3 itself does not allow that.
deaf        the same, and does not hear If-None-Match, like object stores of older years.
lossy       the same, and of every two objects that are only to be made where there is none, the
            first is made but answered with 503, as if the answer had got lost.
"""

import sys

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple


class Mannered:
    def __init__(self, manners):
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.manners = manners
        self.made = 0

    def __call__(self, environ, start_response):
        conditional = "HTTP_IF_NONE_MATCH" in environ
        if self.manners == "deaf":
            environ.pop("HTTP_IF_NONE_MATCH", None)
        if self.manners != "lossy" or not conditional:
            return self.moto(environ, start_response)
        heard = []
        answer = list(self.moto(environ, lambda *said: heard.append(said)))
        self.made += heard[0][0].startswith("200")
        if heard[0][0].startswith("200") and self.made % 2:
            start_response("503 Slow Down", [("Content-Length", "0")])
            return [b""]
        start_response(*heard[0])
        return answer


run_simple("127.0.0.1", int(sys.argv[1]), Mannered(sys.argv[2]), threaded=False)
