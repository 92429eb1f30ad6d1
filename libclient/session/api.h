// What the C interface of sessions has in common.
#pragma once

#include <memory>

#include "libclient/include/redlock/session.h"
#include "libclient/session/process.h"

struct redlock_session {
  std::shared_ptr<redlock::client::Session> session;
};
