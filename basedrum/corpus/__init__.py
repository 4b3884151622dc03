"""Songs to phrases: collecting, filtering, splitting and storing pairs of bass and drums."""
