"""Messages shared by API and client: pydantic models, strict, closed (unknown fields are refused), frozen."""
