"""The table of all commands. To add one: write its file under `commands/`, add its row here.

A row's summary is the first line of its command's docstring; a test keeps the two in step.
"""

from secure_ds.cli.lazy import LazyGroup, Row

_COMMANDS = "secure_ds.cli.commands"

DATASET = LazyGroup(
    "dataset",
    "Encrypt, upload and look after data sets.",
    {
        "describe": Row(
            f"{_COMMANDS}.dataset.describe:describe",
            "Write down what your records mean and what may be done with them.",
        ),
        "encrypt": Row(
            f"{_COMMANDS}.dataset.encrypt:encrypt", "Encrypt records into a package, on this machine alone."
        ),
        "seal": Row(
            f"{_COMMANDS}.dataset.seal:seal",
            "Seal records into a package, for training deep models, on this machine alone.",
        ),
        "upload": Row(
            f"{_COMMANDS}.dataset.upload:upload", "Upload an encrypted or sealed package and have it checked."
        ),
        "ls": Row(f"{_COMMANDS}.dataset.ls:ls", "List the data sets that you may see."),
        "show": Row(f"{_COMMANDS}.dataset.show:show", "Show a data set."),
        "budget": Row(f"{_COMMANDS}.dataset.budget:budget", "Show what a data set may still release."),
        "rotate": Row(
            f"{_COMMANDS}.dataset.rotate:rotate",
            "Give a data set's files a new secret key, when the old one has given all its answers.",
        ),
    },
)

COLLABORATION = LazyGroup(
    "collaboration",
    "Train together with other owners, under a key that none of you holds.",
    {
        "key": Row(
            f"{_COMMANDS}.collaboration.key:key", "Show your public upload key, by which a collaboration knows you."
        ),
        "create": Row(
            f"{_COMMANDS}.collaboration.create:create",
            "Call for a collaboration: the custodian makes a key that no member holds.",
        ),
        "ls": Row(f"{_COMMANDS}.collaboration.ls:ls", "List the collaborations of your tenant."),
        "show": Row(
            f"{_COMMANDS}.collaboration.show:show",
            "Show a collaboration, its statement checked against the pinned keys.",
        ),
        "join": Row(f"{_COMMANDS}.collaboration.join:join", "Let a data set of yours take part in its collaboration."),
        "withdraw": Row(
            f"{_COMMANDS}.collaboration.withdraw:withdraw",
            "Take your consent back: jobs on the data set stop at their next step.",
        ),
    },
)

JOB = LazyGroup(
    "job",
    "Quote, submit and follow training jobs.",
    {
        "quote": Row(f"{_COMMANDS}.job.quote:quote", "Show what a job would cost, before anything is spent."),
        "submit": Row(f"{_COMMANDS}.job.submit:submit", "Submit a training job."),
        "watch": Row(f"{_COMMANDS}.job.watch:watch", "Follow a job until it is over."),
        "ls": Row(f"{_COMMANDS}.job.ls:ls", "List the jobs that you may see."),
        "show": Row(f"{_COMMANDS}.job.show:show", "Show a job."),
        "cancel": Row(f"{_COMMANDS}.job.cancel:cancel", "Ask a job to stop."),
        "recheck": Row(
            f"{_COMMANDS}.job.recheck:recheck",
            "Recompute a job's steps from the ciphertexts, and compare what was decrypted.",
        ),
        "statistics": Row(
            f"{_COMMANDS}.job.statistics:statistics",
            "Open exact statistics that were sealed to you, the data's owner, and solve them.",
        ),
    },
)

MODEL = LazyGroup(
    "model",
    "Fetch trained models and check what they claim.",
    {
        "ls": Row(f"{_COMMANDS}.model.ls:ls", "List the models that you may see."),
        "show": Row(f"{_COMMANDS}.model.show:show", "Show a model."),
        "download": Row(f"{_COMMANDS}.model.download:download", "Download a model with its card and certificate."),
        "verify": Row(f"{_COMMANDS}.model.verify:verify", "Verify a downloaded model's certificate, offline."),
        "predict": Row(
            f"{_COMMANDS}.model.predict:predict", "Apply a model to records, or a network to ciphertexts of them."
        ),
        "register": Row(f"{_COMMANDS}.model.register:register", "Hand in a network, for predictions on ciphertexts."),
    },
)

KEYS = LazyGroup(
    "keys",
    "Look at the service's keys; never at their material.",
    {"ls": Row(f"{_COMMANDS}.keys.ls:ls", "List the service's keys.")},
)

POLICY = LazyGroup(
    "policy",
    "Read the policies in force and ask what they would say.",
    {
        "show": Row(f"{_COMMANDS}.policy.show:show", "Show the policies in force."),
        "explain": Row(f"{_COMMANDS}.policy.explain:explain", "Explain what the policies would answer you."),
        "test": Row(f"{_COMMANDS}.policy.test:test", "Run the policy cases shipped with this version."),
    },
)

AUDIT = LazyGroup(
    "audit",
    "Search, export and verify the log of every operation.",
    {
        "query": Row(f"{_COMMANDS}.audit.query:query", "Search the audit log, newest entries first."),
        "export": Row(f"{_COMMANDS}.audit.export:export", "Export the audit log to a file."),
        "verify": Row(f"{_COMMANDS}.audit.verify:verify", "Verify an export offline, with the pinned key alone."),
    },
)

TRUST = LazyGroup(
    "trust",
    "Pin the public keys of a service, and compare them ever after.",
    {
        "pin": Row(f"{_COMMANDS}.trust.pin:pin", "Pin the public keys that a service shows."),
        "show": Row(f"{_COMMANDS}.trust.show:show", "Show the pinned keys and their fingerprint."),
    },
)

DATABASE = LazyGroup(
    "db",
    "Upgrade and check an instance's database.",
    {
        "upgrade": Row(f"{_COMMANDS}.service.database:upgrade", "Bring the database to this version's schema."),
        "check": Row(
            f"{_COMMANDS}.service.database:check",
            "Compare the database with what this version expects, triggers included.",
        ),
    },
)

TOKEN = LazyGroup(
    "token",
    "Issue and revoke API tokens, on the service's own machine.",
    {
        "issue": Row(
            f"{_COMMANDS}.service.token:issue",
            "Make a token for a user; a new user is added with these attributes. It is shown once.",
        ),
        "revoke": Row(f"{_COMMANDS}.service.token:revoke", "Revoke a token at once."),
    },
)

EVALUATOR = LazyGroup(
    "evaluator",
    "Make the keys by which workers attest what they evaluated.",
    {
        "make": Row(
            f"{_COMMANDS}.evaluator.make:make",
            "Make a worker's key for dual evaluation, on the machine that will run the worker.",
        )
    },
)

ROOT = LazyGroup(
    "secure-ds",
    """Train models on data that nobody but its owner ever sees.

    Records are encrypted on your machine and stay so while the service learns from them; what comes back is a
    differentially private model with a certificate of how it came to be.

    \b
    The service's address and your token come from SECURE_DS_URL and SECURE_DS_TOKEN, or from
    ~/.config/secure-ds/client.toml (mode 0600):
      url = "https://ds.example.org"
      token = "sds_..."

    \b
    Example:
      secure-ds job quote ds_... --purpose research --epsilon 1
    """,
    {
        "demo": Row(
            f"{_COMMANDS}.service.demo:demo", "Run the whole main job on real patients' records, on this machine."
        ),
        "init": Row(
            f"{_COMMANDS}.service.init:init", "Make an instance: directories, key store, database, configuration."
        ),
        "up": Row(
            f"{_COMMANDS}.service.up:up", "Run custodian, API and worker until interrupted; start again what dies."
        ),
        "dataset": DATASET,
        "collaboration": COLLABORATION,
        "job": JOB,
        "model": MODEL,
        "keys": KEYS,
        "policy": POLICY,
        "audit": AUDIT,
        "trust": TRUST,
        "token": TOKEN,
        "evaluator": EVALUATOR,
        "db": DATABASE,
        "api": Row(f"{_COMMANDS}.service.api:api", "Run the REST API until SIGTERM."),
        "worker": Row(f"{_COMMANDS}.service.worker:worker", "Run a worker until SIGTERM."),
        "custodian": Row(f"{_COMMANDS}.service.custodian:custodian", "Run the key custodian until SIGTERM."),
    },
)
