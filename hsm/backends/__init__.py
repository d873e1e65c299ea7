"""The two ways of keeping keys: a PKCS#11 token, and an encrypted file for laptops."""
