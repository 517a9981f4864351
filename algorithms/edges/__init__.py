"""Methods that edit the edges of graphs: add, delete or mask them."""
