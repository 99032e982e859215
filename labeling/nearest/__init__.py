"""The nearest-neighbour labeler: proposes what experts said of the most similar items. No language model."""
