import javax.inject.Inject
import org.gradle.process.ExecOperations
import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.android.library)
    alias(libs.plugins.kotlin.android)
}

group = "app.noctule"
version = "0.1.0"

/** Cargo's names of the processors that ship, by Android's. */
val targets = mapOf(
    "arm64-v8a" to "aarch64-linux-android",
    "armeabi-v7a" to "armv7-linux-androideabi",
    "x86_64" to "x86_64-linux-android",
)
val workspace: Directory = rootProject.layout.projectDirectory.dir("..")

android {
    namespace = "app.noctule"
    compileSdk = libs.versions.compile.sdk.get().toInt()
    ndkVersion = libs.versions.ndk.get()
    defaultConfig {
        minSdk = libs.versions.min.sdk.get().toInt()
        consumerProguardFiles("consumer-rules.pro")
        ndk { abiFilters += targets.keys }
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    // Strips the symbols that the generator of the bindings has read by then.
    packaging { jniLibs { keepDebugSymbols.clear() } }
    publishing { singleVariant("release") { withSourcesJar() } }
}

kotlin {
    compilerOptions {
        jvmTarget = JvmTarget.JVM_17
        freeCompilerArgs.add("-Xjvm-default=all")
        // As in pom.xml; for Android they are made into classes anyway.
        freeCompilerArgs.addAll("-Xlambdas=class", "-Xsam-conversions=class")
        freeCompilerArgs.add("-Xstring-concat=inline")
    }
}

dependencies {
    api(libs.kotlinx.coroutines.core)
    implementation(libs.kotlinx.coroutines.android)
    // The variant that brings its own libraries for phones, aligned to 16 kB since 5.17.
    implementation(libs.jna) { artifact { type = "aar" } }
    api(libs.androidx.work)
    implementation(libs.androidx.startup)
    implementation(libs.androidx.annotation)
}

/** The native libraries, one for each processor, by cargo-ndk. */
abstract class CargoNdk @Inject constructor(private val exec: ExecOperations) : DefaultTask() {
    @get:Internal abstract val workspace: DirectoryProperty

    @get:InputFiles @get:PathSensitive(PathSensitivity.RELATIVE)
    abstract val sources: ConfigurableFileCollection

    @get:Input abstract val abis: ListProperty<String>

    @get:Input abstract val platform: Property<Int>

    @get:Input abstract val ndk: Property<String>

    /** With the standard library built from its sources, for size: takes the component rust-src. */
    @get:Input abstract val small: Property<Boolean>

    @get:OutputDirectory abstract val libraries: DirectoryProperty

    @TaskAction
    fun build() {
        exec.exec {
            workingDir(workspace)
            // 16 kB pages also with an older NDK. RUSTFLAGS would replace the flags of
            // .cargo/config.toml; a flag of the target's own does not.
            for (target in listOf("AARCH64", "X86_64")) {
                environment(
                    "CARGO_TARGET_${target}_LINUX_ANDROID_RUSTFLAGS",
                    "-Clink-arg=-Wl,-z,max-page-size=16384",
                )
            }
            environment("ANDROID_NDK_HOME", ndk.get())
            // A stable compiler builds the standard library for those who ask for it so.
            if (small.get()) environment("RUSTC_BOOTSTRAP", "1")
            commandLine(
                buildList {
                    addAll(listOf("cargo", "ndk"))
                    abis.get().forEach { addAll(listOf("--target", it)) }
                    addAll(listOf("--platform", platform.get().toString()))
                    addAll(listOf("--output-dir", libraries.get().asFile.path))
                    // Cargo optimises a library as a whole only where no other form is asked for.
                    add("rustc")
                    if (small.get()) addAll(listOf("--config", ".cargo/phone.toml"))
                    addAll(listOf("--locked", "--profile", "mobile"))
                    addAll(listOf("--package", "noctule-ffi", "--lib", "--crate-type", "cdylib"))
                },
            )
        }
    }
}

/** The Kotlin of the bindings, from one of the very libraries that are packaged. */
abstract class Bindings @Inject constructor(private val exec: ExecOperations) : DefaultTask() {
    @get:Internal abstract val workspace: DirectoryProperty

    @get:InputDirectory @get:PathSensitive(PathSensitivity.RELATIVE)
    abstract val libraries: DirectoryProperty

    @get:InputFile @get:PathSensitive(PathSensitivity.NONE)
    abstract val configuration: RegularFileProperty

    @get:OutputDirectory abstract val kotlin: DirectoryProperty

    @TaskAction
    fun generate() {
        // A binding that remained of an older library would be compiled beside the new one.
        kotlin.get().asFile.deleteRecursively()
        exec.exec {
            workingDir(workspace)
            commandLine(
                "cargo", "run", "--locked", "--quiet", "--package", "noctule-bindgen",
                "--features", "bindgen", "--",
                "kotlin",
                libraries.file("arm64-v8a/libnoctule_ffi.so").get().asFile.path,
                kotlin.get().asFile.path,
            )
        }
    }
}

/** Refuses a library that a phone with pages of 16 kB cannot load. */
abstract class Alignment @Inject constructor(private val exec: ExecOperations) : DefaultTask() {
    @get:Internal abstract val workspace: DirectoryProperty

    @get:InputDirectory abstract val libraries: DirectoryProperty

    @TaskAction
    fun check() {
        // Phones of 32 bits have pages of 4 kB.
        val wide = listOf("arm64-v8a", "x86_64")
        exec.exec {
            workingDir(workspace)
            commandLine(
                listOf("cargo", "dev", "align") +
                    wide.map { libraries.file("$it/libnoctule_ffi.so").get().asFile.path },
            )
        }
    }
}

val cargoNdk = tasks.register<CargoNdk>("cargoNdk") {
    workspace.set(rootProject.layout.projectDirectory.dir(".."))
    sources.from(
        fileTree(workspace.dir("core/src")),
        fileTree(workspace.dir("core/kernels/src")),
        fileTree(workspace.dir("ffi/src")),
        workspace.file("Cargo.lock"),
        workspace.file(".cargo/config.toml"),
        workspace.file(".cargo/phone.toml"),
        workspace.file("core/Cargo.toml"),
        workspace.file("core/kernels/Cargo.toml"),
        workspace.file("ffi/Cargo.toml"),
        workspace.file("ffi/build.rs"),
        workspace.file("Cargo.toml"),
    )
    abis.set(targets.keys)
    platform.set(libs.versions.min.sdk.get().toInt())
    ndk.set(androidComponents.sdkComponents.ndkDirectory.map { it.asFile.path })
    small.set(providers.gradleProperty("noctule.small").map { it.toBoolean() }.orElse(false))
    libraries.set(layout.buildDirectory.dir("cargo-ndk"))
}

val bindings = tasks.register<Bindings>("bindings") {
    workspace.set(rootProject.layout.projectDirectory.dir(".."))
    libraries.set(cargoNdk.flatMap { it.libraries })
    configuration.set(workspace.file("ffi/uniffi.toml"))
    kotlin.set(layout.buildDirectory.dir("generated/noctule"))
}

val alignment = tasks.register<Alignment>("alignment") {
    workspace.set(rootProject.layout.projectDirectory.dir(".."))
    libraries.set(cargoNdk.flatMap { it.libraries })
}

androidComponents.onVariants { variant ->
    // Kotlin compiles what lies in folders for Java too.
    variant.sources.java?.addGeneratedSourceDirectory(bindings, Bindings::kotlin)
    variant.sources.jniLibs?.addGeneratedSourceDirectory(cargoNdk, CargoNdk::libraries)
}

tasks.named("check") { dependsOn(alignment) }
tasks.matching { it.name.startsWith("bundle") && it.name.endsWith("Aar") }
    .configureEach { dependsOn(alignment) }
