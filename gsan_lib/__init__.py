"""gsan: data-driven local government as a reproducible Jupyter environment."""

__version__ = "0.1.0"
