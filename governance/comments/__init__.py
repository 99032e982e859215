"""Comments with mentions on rows, and the notifications that follow from them."""
