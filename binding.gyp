{
  "targets": [{
    "target_name": "ferry_native",
    "sources": ["native/addon.cc", "native/beneath.cc", "native/group-files.cc", "native/listing.cc"],
    "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
    "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
    "cflags_cc": ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Wno-cast-function-type"],
    "conditions": [["OS!='linux'", { "type": "none", "sources!": ["native/addon.cc", "native/beneath.cc", "native/group-files.cc", "native/listing.cc"] }]]
  }]
}
