"""Key custody: keys that never leave their store, and the formats that lean on them.

This package is a leaf: it imports no other package of the project and can be reviewed alone. Start reading at
`hsm.interface` (what a key store promises), then `hsm.custody`, `hsm.sealing` and `hsm.dsse` (what is built on that
promise), then `hsm.backends` (how a PKCS#11 token and a laptop file keep it).
"""
