//! The built-in libtorch trainer.
