"""What tags mean, and leave for what is made from what they bind to permit more: who may change either, and how."""
