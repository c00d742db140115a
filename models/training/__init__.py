"""Training of the networks, with torch and Lightning; nothing here is needed to use a model."""
