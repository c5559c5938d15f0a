"""One training, from tokens to an adapter: the loss, the device, the optimiser's steps, and several processes."""
