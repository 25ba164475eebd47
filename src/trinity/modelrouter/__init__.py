"""The way to a model: one endpoint, our key, our model, strict limits.

Promises: the key leaves only towards the configured endpoint, the model is the configured one whatever
was asked for, nothing streams, nothing is retried here, and every failure is one of `trinity.errors`.
"""

from trinity.modelrouter.endpoint import ModelEndpoint
from trinity.modelrouter.proxy import complete

__all__ = ["ModelEndpoint", "complete"]
