"""Text in, spans and vectors out.

The lowest room of the house: types shared by all rooms, segmentation, pooling
and the encoders. Importing this package loads no model library.
"""
