//! Passes the folder of libtorch to the linker as an rpath, so that the trainer finds it without an environment variable.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let Some(libtorch) = std::env::var_os("DEP_TCH_LIBTORCH_LIB") else {
        println!(
            "cargo::warning=torch-sys did not report the folder of libtorch: set LD_LIBRARY_PATH to it to run rotewatch-trainer"
        );
        return;
    };
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", libtorch.to_string_lossy());
    if std::env::var_os("CARGO_FEATURE_CUDA").is_some() {
        println!("cargo::rustc-link-arg=-Wl,--no-as-needed");
        println!("cargo::rustc-link-arg=-ltorch");
    }
}
