#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "daemon/event/tls_session.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/check.h"
#include "tests/support/test_ca.h"
#include "tests/unit/event/tls_server.h"

// Between both sides of TLS somebody delays, cuts, changes and adds bytes. The client reads nothing
// but what the server has said, in its order; and once it has ended it reads nothing more.
namespace redlockd::fuzz {
namespace {

struct Made {
  test::TestCa ca;
  test::Identity identity = ca.Issue({.names = {"a.example"}});
  std::shared_ptr<const event::TlsContext> context =
      std::get<0>(event::TlsContext::Make({.ca = ca.certificate(), .server_name = "a.example"}));
};

class Talk {
 public:
  explicit Talk(const Made& made) : server_({.identity = made.identity}), client_(made.context) {}

  void Step(Bytes& input) {
    switch (input.Below(6)) {
      case 0:
        return Receive(server_.Output(1 + input.Below(256)));
      case 1:
        return Receive(server_.Output());
      case 2: {
        std::string changed = server_.Output(1 + input.Below(256));
        if (!changed.empty()) changed[input.Below(256) % changed.size()] ^= input.Byte();
        return Receive(changed);
      }
      case 3:
        return Receive(input.Text(input.Below(64)));
      case 4: {
        const std::string_view text = input.Text(input.Below(32));
        if (server_.Write(text)) said_ += text;
        return;
      }
      case 5:
        client_.Write("ping");
        std::array<char, 512> bytes;
        while (const std::size_t size = client_.Output(bytes)) {
          server_.Receive({bytes.data(), size});
        }
    }
  }

 private:
  void Receive(std::string_view bytes) {
    const bool had_ended = client_.ended().has_value();
    client_.Receive(bytes);
    std::array<char, 64> plain;
    while (const std::size_t size = client_.Read(plain)) {
      FUZZ_CHECK(!had_ended, "it reads after its end");
      FUZZ_CHECK(client_.is_open(), "it reads before the handshake is over");
      heard_.append(plain.data(), size);
    }
    FUZZ_CHECK(said_.starts_with(heard_), "it reads what was not said");
  }

  event::TlsServer server_;
  event::TlsSession client_;
  std::string said_;
  std::string heard_;
};

}  // namespace
}  // namespace redlockd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace redlockd::fuzz;
  static const Made made;
  Bytes input(data, size);
  Talk talk(made);
  while (!input.empty()) talk.Step(input);
  return 0;
}
