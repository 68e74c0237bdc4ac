"""How gunicorn serves the platform: `gunicorn config.wsgi:application`, with --bind and --workers as one likes."""

worker_class = "gthread"
workers = 2
threads = 8
graceful_timeout = 30
control_socket_disable = True


def on_starting(server: object) -> None:
    """Read the settings before any worker starts, so that a wrong one is one line and not one a worker."""
    import config.settings  # noqa: F401
