"""Test reading certificates, and what the operator is told of them."""

import os
import shutil
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.net.test_tls import DATA, Files
from threadchat.net import certificate
from threadchat.net.certificate import BadCertificate, Certificate, _validity

BEGIN = datetime(2026, 11, 25, 20, 55, 30, tzinfo=UTC)
END = datetime(2126, 11, 1, 20, 55, 30, tzinfo=UTC)
"""When the certificate of the tests begins and ends."""


class TestReading:
    def test_a_certificate_and_its_key_make_a_context(self, files: Files) -> None:
        context = Certificate(*files).context
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_RENEGOTIATION

    def test_old_versions_and_renegotiation_are_not_spoken(self, files: Files) -> None:
        context = Certificate(*files).context
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_RENEGOTIATION
        assert context.num_tickets == 0

    def test_both_may_be_in_one_file(self, files: Files, tmp_path: Path) -> None:
        both = tmp_path / "both.pem"
        both.write_text(Path(files.key).read_text() + Path(files.certificate).read_text())
        assert Certificate(str(both), str(both)).warning(END)

    def test_a_missing_file_is_named(self, files: Files, tmp_path: Path) -> None:
        missing = str(tmp_path / "no.pem")
        with pytest.raises(
            BadCertificate,
            match=r"^the certificate .*no\.pem cannot be read: there is no such file",
        ):
            Certificate(missing, files.key)
        with pytest.raises(
            BadCertificate, match=r"^the key .*no\.pem cannot be read: there is no such file"
        ):
            Certificate(files.certificate, missing)

    def test_a_file_that_may_not_be_read_is_named(
        self, files: Files, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(name: str) -> bytes:
            raise PermissionError(13, "Permission denied", name)

        monkeypatch.setattr(certificate, "read_file", refuse)  # root may read all
        with pytest.raises(BadCertificate, match=r"cannot be read: you have no right to read it\."):
            Certificate(*files)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
    def test_a_pipe_is_refused_and_not_waited_for(self, files: Files, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        with pytest.raises(BadCertificate, match=r"pipe is not an ordinary file"):
            Certificate(str(pipe), files.key)

    def test_files_that_are_something_else_are_named(self, files: Files) -> None:
        with pytest.raises(BadCertificate, match=r"key\.pem has no certificate in it"):
            Certificate(files.key, files.certificate)
        with pytest.raises(BadCertificate, match=r"certificate\.pem has no key in it"):
            Certificate(files.certificate, files.certificate)

    def test_a_key_of_another_certificate_is_found_out(self, files: Files) -> None:
        with pytest.raises(BadCertificate, match=r"other_key\.pem does not belong to the certifi"):
            Certificate(files.certificate, str(DATA / "other_key.pem"))

    def test_nobody_is_asked_for_a_passphrase(self, files: Files) -> None:
        with pytest.raises(
            BadCertificate, match=r"encrypted_key\.pem is encrypted with a passphrase\. Wri"
        ):
            Certificate(files.certificate, str(DATA / "encrypted_key.pem"))

    def test_a_damaged_file_is_refused(self, files: Files, tmp_path: Path) -> None:
        damaged = tmp_path / "damaged.pem"
        damaged.write_bytes(Path(files.certificate).read_bytes()[:200])
        with pytest.raises(BadCertificate, match=r"cannot be used as certificate and key: one of"):
            Certificate(str(damaged), files.key)


class TestReadingAgain:
    def test_a_file_that_is_taken_away_meanwhile_is_one_line(
        self, files: Files, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise FileNotFoundError(2, "No such file or directory")

        monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", fail)
        with pytest.raises(BadCertificate, match="cannot be read: No such file or directory"):
            Certificate(*files)

    def test_new_files_make_a_new_context(self, files: Files, tmp_path: Path) -> None:
        file = tmp_path / "certificate.pem"
        shutil.copy(files.certificate, file)
        kept = Certificate(str(file), files.key)
        before = kept.context
        shutil.copy(DATA / "chain.pem", file)
        kept.reread()
        assert kept.context is not before

    def test_bad_files_change_nothing(self, files: Files, tmp_path: Path) -> None:
        file = tmp_path / "certificate.pem"
        shutil.copy(files.certificate, file)
        kept = Certificate(str(file), files.key)
        before = kept.context
        for content in (b"", (DATA / "chain.pem").read_bytes()[:300]):
            file.write_bytes(content)
            with pytest.raises(BadCertificate):
                kept.reread()
        assert kept.context is before
        assert kept.warning(END)


class TestWarnings:
    @pytest.fixture
    def kept(self, files: Files) -> Certificate:
        return Certificate(*files)

    @pytest.mark.parametrize("now", [BEGIN, END - timedelta(days=14, seconds=1)])
    def test_there_is_none_as_long_as_all_is_well(self, kept: Certificate, now: datetime) -> None:
        assert kept.warning(now) == ""

    @pytest.mark.parametrize(
        ("left", "words"),
        [
            (timedelta(days=14), "ends in 14 days, on 2126-11-01 20:55 UTC. "),
            (timedelta(days=1), "ends in a day, on "),
            (timedelta(hours=23), "ends in less than a day, on "),
            (timedelta(0), "has ended on 2126-11-01 20:55 UTC. "),
            (timedelta(days=-400), "has ended on "),
        ],
    )
    def test_before_and_after_its_end(
        self, kept: Certificate, files: Files, left: timedelta, words: str
    ) -> None:
        line = kept.warning(END - left)
        assert line.startswith(f"the certificate in {files.certificate} {words}")
        assert "Put a new one there, and" in line

    def test_before_its_begin(self, kept: Certificate) -> None:
        line = kept.warning(BEGIN - timedelta(seconds=1))
        assert "is valid only from 2026-11-25 20:55 UTC on" in line

    def test_each_certificate_of_a_chain_counts(self, files: Files) -> None:
        chain = str(DATA / "chain.pem")
        kept = Certificate(chain, files.key)
        assert kept.warning(datetime(2051, 7, 1, tzinfo=UTC)) == ""
        line = kept.warning(datetime(2051, 7, 10, tzinfo=UTC))
        assert line.startswith(f"certificate number 2 in {chain} ends in 7 days, on 2051-07-17 ")

    def test_of_one_of_the_oldest_version(self, files: Files) -> None:
        kept = Certificate(str(DATA / "version1.pem"), files.key)
        assert kept.warning(END)

    def test_there_is_none_where_the_dates_cannot_be_read(
        self, files: Files, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(certificate, "_TIMES", {})
        assert Certificate(*files).warning(END) == ""


@pytest.mark.parametrize(
    ("times", "begin", "end"),
    [
        (b"\x17\x0d491231235959Z\x17\x0d500101000000Z", (2049, 12, 31, 23, 59, 59), (1950, 1, 1)),
        (
            b"\x17\x0d680229000000Z\x18\x0f99991231235959Z",
            (1968, 2, 29),
            (9999, 12, 31, 23, 59, 59),
        ),
    ],
)
def test_years_of_two_digits_are_those_from_1950_to_2049(
    times: bytes, begin: tuple[int, int, int], end: tuple[int, int, int]
) -> None:
    def sequence(content: bytes) -> bytes:
        return bytes([0x30, 0x81, len(content)]) + content  # a length in two bytes

    # A serial number, an algorithm and an issuer come before the times.
    der = sequence(sequence(b"\x02\x01\x01" + 2 * sequence(b"") + sequence(times)))
    assert _validity(der) == (datetime(*begin, tzinfo=UTC), datetime(*end, tzinfo=UTC))


@pytest.mark.parametrize("der", [b"", b"\x30", b"\x30\x03\x02\x01\x01", b"\x30\x84", bytes(100)])
def test_what_is_no_certificate_has_no_times(der: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        _validity(der)
