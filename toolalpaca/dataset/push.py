"""Uploading a dataset folder to the Hub: said before it is done, and only what changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolalpaca.dataset.card import REPO
from toolalpaca.schema import ToolAlpacaError

CARD = "README.md"


@dataclass
class PushPlan:
    """What a push will do. `files` are those to upload, `stale` those of an older build to delete."""

    repo: str
    revision: str
    private: bool
    new_repo: bool
    new_branch: bool
    files: dict[str, Path | bytes] = field(default_factory=dict)
    stale: list[str] = field(default_factory=list)
    unchanged: int = 0

    def __str__(self) -> str:
        size = sum(len(f) if isinstance(f, bytes) else f.stat().st_size for f in self.files.values())
        who = "private" if self.private else "public"
        steps = [f"create the {who} dataset {self.repo}"] if self.new_repo else []
        steps += [f"create its branch {self.revision}"] if self.new_branch else []
        steps += [f"upload {len(self.files)} files ({size / 1e6:.1f} MB)"] if self.files else []
        steps += [f"delete {len(self.stale)} files of an older build"] if self.stale else []
        done = f"; {self.unchanged} files are there already" if self.unchanged else ""
        what = ", ".join(steps) or "nothing changed, nothing to do"
        return f"push to {self.repo}, revision {self.revision}: {what}{done}"


def push(
    folder: Path,
    repo: str,
    *,
    private: bool = False,
    revision: str | None = None,
    say: Callable[[str], None] = print,
) -> str:
    """Upload a built dataset folder to the dataset repository `repo`, made when missing.

    `private` is for a repository that is made now, and is refused where one exists and is public. The
    token comes from HF_TOKEN or a login; it is neither printed nor stored.

    Returns:
        the commit's address, or the repository's when nothing changed.

    Raises:
        ToolAlpacaError: the name is no ORG/NAME, there is no token, `private` and the repository is
            public, or the Hub refused or is out of reach.
    """
    import httpx2  # the transport of huggingface_hub 2
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise ToolAlpacaError(f"--push_to_hub {repo}: {error}") from None
    if repo.count("/") != 1:
        raise ToolAlpacaError(f"--push_to_hub {repo}: expected ORG/NAME")
    if not get_token():
        raise ToolAlpacaError(
            "--push_to_hub needs a token with write access: set HF_TOKEN, or run hf auth login"
        )
    api = HfApi()
    try:
        plan = make_plan(api, folder, repo, private=private, revision=revision or "main")
        say(str(plan))
        if plan.new_repo:
            api.create_repo(repo, repo_type="dataset", private=private, exist_ok=True)
        if plan.new_branch:
            api.create_branch(repo, branch=plan.revision, repo_type="dataset", exist_ok=True)
        if not plan.files and not plan.stale:
            return f"{api.endpoint}/datasets/{repo}"
        operations: list[Any] = [CommitOperationAdd(name, source) for name, source in plan.files.items()]
        operations += [CommitOperationDelete(name) for name in plan.stale]
        commit = api.create_commit(
            repo,
            operations,
            commit_message=f"Dataset of {len(plan.files)} changed files",
            repo_type="dataset",
            revision=plan.revision,
        )
    except HfHubHTTPError as error:
        raise ToolAlpacaError(f"{api.endpoint} refused the push to {repo}: {_one_line(error)}") from None
    except (httpx2.HTTPError, OSError) as error:
        raise ToolAlpacaError(f"{api.endpoint} cannot be reached: {_one_line(error)}") from None
    except ValueError as error:  # the Hub's own check of the card's metadata
        raise ToolAlpacaError(f"{api.endpoint} refused the push to {repo}: {_one_line(error)}") from None
    return str(commit.commit_url)


def make_plan(api: Any, folder: Path, repo: str, *, private: bool, revision: str) -> PushPlan:
    """Compare a folder with a repository: what is missing there, what differs, what is left over.

    Raises:
        ToolAlpacaError: `private`, and the repository is public.
    """
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    from toolalpaca.dataset.features import DESCRIPTIONS  # takes seconds to import

    there: dict[str, Any] = {}
    plan = PushPlan(repo, revision, private, new_repo=False, new_branch=False)
    try:
        if not api.repo_info(repo, repo_type="dataset").private and private:
            raise ToolAlpacaError(
                f"--private: {repo} exists and is public; change that in its settings, or leave --private out"
            )
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        plan.new_repo = True
    plan.new_branch = plan.new_repo and revision != "main"
    if not plan.new_repo:
        try:
            there = _remote(api, repo, revision)
        except RevisionNotFoundError:
            plan.new_branch = True
            there = _remote(api, repo, "main")  # what a new branch starts from
    here = {
        str(path.relative_to(folder).as_posix()): path for path in sorted(folder.rglob("*")) if path.is_file()
    }
    for name, path in here.items():
        source: Path | bytes = path
        if name == CARD:
            source = path.read_text(encoding="utf-8").replace(REPO, repo).encode()
        if name in there and _same(source, there[name]):
            plan.unchanged += 1
        else:
            plan.files[name] = source
    ours = {*DESCRIPTIONS, *(name.split("/", 1)[0] for name in here if "/" in name)}
    plan.stale = sorted(n for n in there if "/" in n and n.split("/", 1)[0] in ours and n not in here)
    return plan


def _remote(api: Any, repo: str, revision: str) -> dict[str, Any]:
    from huggingface_hub.hf_api import RepoFile

    tree = api.list_repo_tree(repo, recursive=True, revision=revision, repo_type="dataset")
    return {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}


def _same(source: Path | bytes, remote: Any) -> bool:
    """Large files are compared by SHA-256, others by their git object id."""
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size != remote.size:
        return False
    digest = hashlib.sha256() if remote.lfs else hashlib.sha1(b"blob %d\0" % size)
    if isinstance(source, bytes):
        digest.update(source)
    else:
        with source.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return bool(digest.hexdigest() == (remote.lfs.sha256 if remote.lfs else remote.blob_id))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
