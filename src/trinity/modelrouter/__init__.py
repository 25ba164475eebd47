"""The way to a model: one endpoint, our key, our model, strict limits; and the decisions that models make for us.

Owns `model_decisions`. Promises that the key leaves only towards the configured endpoint, that the model is the
configured one whatever was asked for, that nothing streams, and that every failure is one of `trinity.errors`; that a
decision is asked for by a route of one table, with a closed schema, about text that cannot leave its frame; that every
attempt is stored, without a model's reasoning; and that whatever is not a clean yes, blocks.
"""

from trinity.modelrouter.deciding import ModelRouter, Question, decide
from trinity.modelrouter.endpoint import ModelEndpoint
from trinity.modelrouter.proxy import complete
from trinity.modelrouter.queries import ModelDecision, list_decisions, newest_score, passed, standing
from trinity.modelrouter.routes import ROUTES, Route

__all__ = [
    "ROUTES",
    "ModelDecision",
    "ModelEndpoint",
    "ModelRouter",
    "Question",
    "Route",
    "complete",
    "decide",
    "list_decisions",
    "newest_score",
    "passed",
    "standing",
]
