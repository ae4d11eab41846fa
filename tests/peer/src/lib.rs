//! A sans-I/O voice client for tests: STUN, DTLS and SRTP over packets that the test carries.
