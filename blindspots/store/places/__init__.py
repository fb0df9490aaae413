"""The kinds of places that a store can lie in: a local folder, and an object store with a lease instead of a lock.

What all of them promise stands in :mod:`blindspots.store.place`; nobody else imports what lies here.
"""
