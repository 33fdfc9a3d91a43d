// The addon's calls for whole contents.
#pragma once

#include <napi.h>

namespace ferry {

void AddContentCalls(Napi::Env env, Napi::Object exports);

}  // namespace ferry
