"""A second, slow implementation of the decision, written from the contract alone.

It shares no code with the library, on purpose: the two are compared on generated policies and requests, and
what both say was arrived at twice.
"""
