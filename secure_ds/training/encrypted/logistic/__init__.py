"""Binary logistic regression: full-batch gradient steps with a cubic in place of the sigmoid."""
