"""A panic of the very library that is loaded, whatever it was built for."""

import unittest

import noctule
from recommender_case import RecommenderTest


class Panics(RecommenderTest):
    def test_a_panic_is_an_error_of_the_call_and_the_next_call_works(self):
        # Nothing at an address of zero cannot be five bytes long: taking it over panics.
        nonsense = noctule._UniffiRustBuffer(0, 5, None)
        call = noctule._UniffiLib.uniffi_noctule_ffi_fn_func_widget_slates
        for _ in range(3):
            with self.assertRaisesRegex(noctule.InternalError, "null RustBuffer"):
                noctule._uniffi_rust_call(call, nonsense, 0)
            self.assertEqual(self.recommender.status().recorded, 0)


if __name__ == "__main__":
    unittest.main()
