/* How an adapter of libredlock reports an error. */
#pragma once

#include <redlock/redlock.h>
#include <stddef.h>

static const char* CodeOf(int error) {
  static const struct {
    int error;
    const char* code;
  } kCodes[] = {{REDLOCK_EBADREQUEST, "bad-request"},
                {REDLOCK_EBADNAME, "bad-name"},
                {REDLOCK_EUNKNOWNOPTION, "unknown-option"},
                {REDLOCK_ENOTHELD, "not-held"},
                {REDLOCK_ELOST, "lost"},
                {REDLOCK_EDEADLOCK, "deadlock"},
                {REDLOCK_EBUSY, "busy"},
                {REDLOCK_ETIMEOUT, "timeout"},
                {REDLOCK_ECANCELLED, "cancelled"},
                {REDLOCK_ENOQUORUM, "no-quorum"},
                {REDLOCK_ELIMIT, "limit"},
                {REDLOCK_EDENIED, "denied"},
                {REDLOCK_EDRAINING, "draining"},
                {REDLOCK_EUNKNOWN, "unknown"},
                {REDLOCK_ECONNECT, "connect"},
                {REDLOCK_ECLOSED, "closed"},
                {REDLOCK_ENOANSWER, "no-answer"},
                {REDLOCK_EPROTOCOL, "protocol"}};
  for (size_t i = 0; i < sizeof(kCodes) / sizeof(kCodes[0]); ++i) {
    if (kCodes[i].error == error) return kCodes[i].code;
  }
  return "other";
}
