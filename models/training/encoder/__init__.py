"""Training of the encoder that reads faces under electrodes."""
