import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
    alias(libs.plugins.kotlin.compose)
}

/** What the sample is told: `./gradlew :sample:installDebug -Pnoctule.key=… -Pnoctule.collector=…` */
fun told(name: String, otherwise: String): String =
    providers.gradleProperty("noctule.$name").getOrElse(otherwise)

android {
    namespace = "app.noctule.sample"
    compileSdk = libs.versions.compile.sdk.get().toInt()
    defaultConfig {
        applicationId = "app.noctule.sample"
        minSdk = libs.versions.min.sdk.get().toInt()
        targetSdk = libs.versions.target.sdk.get().toInt()
        versionCode = 1
        versionName = "0.1.0"
        buildConfigField("String", "NOCTULE_APP", "\"${told("app", "town")}\"")
        buildConfigField("String", "NOCTULE_KEY", "\"${told("key", "")}\"")
        // 10.0.2.2 is the developer's machine, seen from the emulator.
        val collector = told("collector", "http://10.0.2.2:8080")
        buildConfigField("String", "NOCTULE_COLLECTOR", "\"$collector\"")
    }
    buildFeatures {
        compose = true
        buildConfig = true
    }
    buildTypes {
        release {
            // Minified, so that the rules of the library are tried with each build.
            isMinifyEnabled = true
            isShrinkResources = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
            signingConfig = signingConfigs.getByName("debug")
        }
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
    // The release of the first run is mapped from its file, and its files hardly compress.
    androidResources { noCompress += listOf("safetensors", "sig") }
}

kotlin { compilerOptions { jvmTarget = JvmTarget.JVM_17 } }

dependencies {
    implementation(project(":library"))
    implementation(libs.androidx.activity.compose)
    implementation(platform(libs.compose.bom))
    implementation(libs.compose.material3)
    implementation(libs.compose.ui)
    testImplementation(project(":testing"))
}
