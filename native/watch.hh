// inotify(7) on the directories below a root; native/tree-watch.ts makes a watched tree out of it.
#pragma once

#include <napi.h>

namespace ferry {

/** Adds the functions `watchOpen`, `watchAdd`, `watchRemove`, `watchRead` and `watchPoll`, which are described in addon.ts. */
void AddWatchFunctions(Napi::Env env, Napi::Object exports);

}  // namespace ferry
