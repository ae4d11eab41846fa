"""Prints the wide-band PESQ (ITU-T P.862.2) of two 16 kHz mono WAV files: reference, degraded."""

import sys
import wave

import numpy
from pesq import pesq


def read(path):
    with wave.open(path) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
        return numpy.frombuffer(file.readframes(file.getnframes()), dtype=numpy.int16)


print(pesq(16000, read(sys.argv[1]), read(sys.argv[2]), "wb"))
