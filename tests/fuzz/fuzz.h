/*
 * fuzz.h - what the fuzz targets share.
 *
 * A target is a function that takes any bytes and must neither crash nor read too far; what it
 * finds out beyond that it claims with FUZZ_CHECK. Under clang it is linked with libFuzzer and the
 * sanitizers; under gcc with replay.c, which runs the files of the corpus through it.
 */
#ifndef STACKD_FUZZ_H
#define STACKD_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* As an assertion, on in every build. */
#define FUZZ_CHECK(claim)                                                                          \
    ((claim) ? (void)0 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #claim), abort()))

#endif
