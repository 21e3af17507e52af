"""Rules about the rows of a dataset and the objects that hold them."""
