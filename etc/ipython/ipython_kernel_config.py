"""What each kernel of `.venv` loads as it starts: `make setup` copies this file to where IPython looks."""

c = get_config()  # noqa: F821  IPython gives it
c.InteractiveShellApp.extensions.extend(["helpers.first_imports", "helpers.cell_order"])  # beside a learner's own
