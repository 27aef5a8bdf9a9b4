"""Kernels that call a system library: found, linked, or missed with a word of what to install."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.kernels import CompileFailed, LibraryMissing, backend
from hpcphys.kernels.libraries import LIBRARIES, libraries_of, telling

FFTW = LIBRARIES[0]
TRANSFORM = """
#pragma once
#include <fftw3.h>
#include "prelude.h"
HOST(transform_once)(long long n, double* values, float* narrow) {
  fftw_complex* wide = (fftw_complex*)values;
  fftw_plan plan = fftw_plan_dft_1d((int)n, wide, wide, FFTW_FORWARD, FFTW_ESTIMATE);
  fftw_execute(plan);
  fftw_destroy_plan(plan);
  fftwf_complex* single = (fftwf_complex*)narrow;
  fftwf_plan other = fftwf_plan_dft_1d((int)n, single, single, FFTW_FORWARD, FFTW_ESTIMATE);
  fftwf_execute(other);
  fftwf_destroy_plan(other);
  return 0;
}
"""


def test_a_kernel_calls_fftw_in_both_precisions(tmp_path):
    (tmp_path / "transform_once.h").write_text(TRANSFORM, encoding="utf-8")
    module = backend("cpu", threads=1, folders=[tmp_path]).module("transform_once")
    start = np.random.default_rng(1).normal(size=(2, 30)).view(complex).ravel()
    wide, narrow = start.copy(), start.astype(np.complex64)
    module.host("transform_once", len(wide), wide.view(float), narrow.view(np.float32))
    assert np.allclose(wide, np.fft.fft(start), rtol=0, atol=1e-13)
    assert np.allclose(narrow, np.fft.fft(start), rtol=0, atol=1e-5)


def test_only_kernels_that_include_it_are_linked_with_it():
    assert libraries_of(TRANSFORM) == (FFTW,)
    assert libraries_of("#include <cmath>\n") == ()


@pytest.mark.parametrize(
    "said", ["x.cpp:1: fatal error: fftw3.h: No such file or directory", "ld: cannot find -lfftw3f: No such"]
)
def test_a_missing_library_is_named_with_what_to_install(said):
    found = telling(CompileFailed(said), (FFTW,))
    assert isinstance(found, LibraryMissing)
    assert "libfftw3-dev" in str(found)


def test_another_failure_stays_what_it_is():
    failure = CompileFailed("x.cpp:3: error: expected ';'")
    assert telling(failure, (FFTW,)) is failure


def test_a_folder_that_the_user_names_is_searched(monkeypatch, tmp_path):
    (tmp_path / "lib").mkdir()
    monkeypatch.setenv("FFTW_ROOT", str(tmp_path))
    assert FFTW.compile_flags() == [f"-I{tmp_path / 'include'}"]
    assert FFTW.link_flags()[:2] == [f"-L{tmp_path / 'lib'}", f"-Wl,-rpath,{tmp_path / 'lib'}"]
