//! Hands the place of libtorch to the linker as an rpath, so that the trainer finds it with no variable set.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let Some(libtorch) = std::env::var_os("DEP_TCH_LIBTORCH_LIB") else {
        println!("cargo::warning=torch-sys did not say where libtorch is: rotewatch-trainer will need LD_LIBRARY_PATH");
        return;
    };
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", libtorch.to_string_lossy());
    if std::env::var_os("CARGO_FEATURE_CUDA").is_some() {
        println!("cargo::rustc-link-arg=-Wl,--no-as-needed");
        println!("cargo::rustc-link-arg=-ltorch");
    }
}
