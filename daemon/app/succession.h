#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/config.h"
#include "daemon/host/handover.h"
#include "daemon/state/codec.h"

// From one process of the daemon to the next (rules H): what is handed over, and when it is not.
namespace redlockd::app {

// What the former process left.
struct Former {
  state::Image image;
  host::Handover::Parcels ends;  // of clients, by session
};

// Takes it, if there is something and this process can go on from it; else its clients lose their
// connections, and the log says why. Never fails.
std::optional<Former> TakeOver(host::Inherited inherited, const config::Config& config);

// Why what is held under `in_force` cannot go on under `next`, in one sentence; empty: it can.
std::string WhyNotUnder(const config::Config& next, const config::Config& in_force);

// Packs what the present process leaves to one with this configuration. Or why it cannot, in one
// sentence.
std::variant<host::Handover, std::string> Pack(const state::Image& image,
                                               const std::vector<session::EndsOf>& ends,
                                               const config::Config& config);

// The nodes and the settings that leases rest on, for Image::terms.
std::vector<std::string> TermsOf(const config::Config& config);

// How this program was called.
struct Program {
  std::string path;  // empty: another cannot take its place
  std::vector<std::string> arguments;
  std::string config;  // file
};

}  // namespace redlockd::app
