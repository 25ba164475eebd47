"""Drivers: what the gateway's verbs mean at one provider. One file per provider, all of one shape (`driver`).

A driver never decides whether an effect may happen. It says what would be sent, takes the steps once the claim is
committed, finds out what became of them, and compares the provider's record with what was approved.
"""
