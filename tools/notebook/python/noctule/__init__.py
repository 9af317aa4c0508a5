"""Noctule for notebooks.

`noctule.recommender` is the library as phones have it, `noctule.replay` computes a published slate
again and shows every stage, `noctule.feedback` reads what the collector wrote.
"""
