"""Rooms: what the pages and the API of one context may ask and do, one file a context.

Each is a small class over the house, made where a request is answered (`CrmRoom(house_of(request))`). It opens the unit
of work, calls the context's public verbs and nouns, and hands plain values to pages. The desk is the older room, of
approvals, runs and proof.
"""
