{
  "targets": [{
    "target_name": "ferry_native",
    "conditions": [["OS=='linux'", {
      "sources": [
        "native/addon.cc",
        "native/beneath.cc",
        "native/blake3.cc",
        "native/chunker.cc",
        "native/content-calls.cc",
        "native/content.cc",
        "native/group-files.cc",
        "native/listing.cc",
        "native/watch.cc"
      ]
    }, { "type": "none" }]],
    "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
    "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
    "cflags_cc": ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Wno-cast-function-type", "-Wno-psabi"]
  }]
}
