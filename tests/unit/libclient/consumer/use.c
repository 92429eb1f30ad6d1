#include <redlock/redlock.h>
#include <stdio.h>

int main(void) {
  redlock_client* client = redlock_new();
  printf("%s\n", redlock_version());
  redlock_free(client);
  return redlock_now() > 0 ? 0 : 1;
}
