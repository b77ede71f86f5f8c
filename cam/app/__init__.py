"""The pages: widgets in, pictures out; all the maths is the engine's."""
