"""The parts of light type inference, by what is asked; `model.types` puts them together."""
