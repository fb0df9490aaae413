"""What Ray of the run's own is started with: its token is nobody else's."""

from pathlib import Path

from tasks.actors.ray_start import make_private


def test_the_token_is_its_owners_alone(tmp_path: Path) -> None:
    token = tmp_path / "auth_token"
    make_private(token)
    assert not token.exists()
    token.write_text("secret")
    token.chmod(0o644)
    make_private(token)
    assert token.stat().st_mode & 0o777 == 0o600
