"""Data sets before and around encryption: loading, public feature maps, the signed descriptor, sealing of keys.

Nothing here needs SEAL: the API process imports this room to check what it is sent.
"""
