"""Locks that are used like those of other packages. They need neither of them."""
