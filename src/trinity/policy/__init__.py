"""Policies: pure functions from facts to reasons to say no. Know no SQL, no HTTP, no clock.

A policy answers with a list of reasons; an empty list means that it has no objection. All policies are
asked, in numbered order, and the set must not be empty: no policies, no permission.
"""

from trinity.policy.claim import POLICIES, ClaimFacts, Decision, adjudicate

__all__ = ["POLICIES", "ClaimFacts", "Decision", "adjudicate"]
