#include "libclient/cli/exit_code.h"

#include <redlock/redlock.h>

namespace redlock::cli {

int ExitCodeOf(int redlock_error) {
  switch (redlock_error) {
    case REDLOCK_OK:
      return 0;
    case REDLOCK_EBADREQUEST:
    case REDLOCK_EBADNAME:
    case REDLOCK_EUNKNOWNVERB:
    case REDLOCK_EUNKNOWNOPTION:
    case REDLOCK_ELINETOOLONG:
    case REDLOCK_EINVAL:
      return kExitUsage;
    case REDLOCK_ENOTHELD:
    case REDLOCK_EBUSY:
    case REDLOCK_ETIMEOUT:
    case REDLOCK_ECANCELLED:
      return kExitBusy;
    case REDLOCK_ENOTURN:
      return kExitNoTurn;
    case REDLOCK_ENOQUORUM:
      return kExitNoQuorum;
    case REDLOCK_ELIMIT:
    case REDLOCK_EDRAINING:
    case REDLOCK_ECONNECT:
    case REDLOCK_ECLOSED:
    case REDLOCK_ENOANSWER:
    case REDLOCK_EPROTOCOL:
      return kExitUnavailable;
    case REDLOCK_EDENIED:
      return kExitDenied;
    case REDLOCK_ENOMEM:
      return kExitOs;
    default:
      return kExitInternal;
  }
}

}  // namespace redlock::cli
