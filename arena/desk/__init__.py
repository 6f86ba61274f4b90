"""The judging desk: what people do to the store, and what there is for them to do."""
