"""The routes, one file per kind of object; each handler only hands a request to its verb."""

from api.blueprints.audit import audit
from api.blueprints.collaborations import collaborations
from api.blueprints.datasets import datasets
from api.blueprints.jobs import jobs
from api.blueprints.keys import keys
from api.blueprints.models import models
from api.blueprints.policies import policies
from api.blueprints.predictions import predictions
from api.blueprints.quotes import quotes
from api.blueprints.service import service

BLUEPRINTS = (datasets, collaborations, quotes, jobs, models, predictions, keys, policies, audit, service)
