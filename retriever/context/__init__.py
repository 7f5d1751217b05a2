"""From search hits to the text of a prompt, with citations that can be checked.

``types`` says what goes in and comes out. ``gathering`` reads hits and the text around
them from a collection, ``packing`` fits them to a budget without touching any store, and
``verifying`` maps what a model quoted back to exact spans.
"""
